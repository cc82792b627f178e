// The API's shapes by their short names, from the document the Hub publishes.
import type { components } from './schema';

type Schemas = components['schemas'];

export type Session = Schemas['Session'];
export type SessionDetail = Schemas['SessionDetail'];
export type SessionList = Schemas['SessionList'];
export type Event = Schemas['Event'];
export type EventList = Schemas['EventList'];
export type Element = Schemas['Element'];
export type ElementDef = Schemas['ElementDef'];
export type Entity = Schemas['Entity'];
export type LinkedEntity = Schemas['LinkedEntity'];
export type Label = Schemas['Label'];
export type Signature = Schemas['Signature'];
export type Action = Schemas['Action'];
export type Bubble = Schemas['Bubble'];
export type Turn = Schemas['Turn'];
export type Status = Schemas['Status'];
export type LatencyStatus = Schemas['LatencyStatus'];
export type Spec = Schemas['SpecID'];
export type SpecChange = Schemas['SpecChange'];
export type SpecValue = Schemas['SpecValue'];
export type Mark = Schemas['Mark'];
export type Actor = Schemas['Actor'];
export type Candidate = Schemas['Candidate'];
export type Recognised = Session['recognised'];
export type Recognition = Schemas['Answer'];
export type RecognitionReport = Schemas['Report'];
export type RecognitionGroup = Schemas['Group'];
export type Rate = Schemas['Rate'];
export type LiveMessage = Schemas['LiveMessage'];
export type Learnt = Schemas['Learnt'];
export type Proposal = Schemas['Proposal'];
export type ProposedFile = Schemas['ProposedFile'];
export type Me = Schemas['Me'];
export type Rating = Session['rating'];
export type Severity = Label['severity'];

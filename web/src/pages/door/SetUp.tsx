import { Button, PasswordInput, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState, type FormEvent } from 'react';
import { answerOf, api, ApiError, carryCSRF } from '../../api/client';
import { meQuery, setupQuery } from '../../api/queries';
import { Failed, Loading } from '../../design/parts';
import { LinkButton } from '../../design/LinkButton';
import { toast } from '../../design/toast';
import { Door } from './Door';
import css from './Door.module.css';

export function SetUp() {
  const { token } = useSearch({ from: '/setup' });
  const setup = useQuery(setupQuery);
  const version = setup.data ? `Version ${setup.data.version}` : '';

  if (setup.isPending) return <Door title="Set up" lead=""><Loading lines={3} /></Door>;
  if (setup.isError) return <Door title="Set up" lead=""><Failed error={setup.error} retry={setup.refetch} what="The Hub did not answer" /></Door>;
  if (!setup.data.needs_setup) {
    return (
      <Door title="Already set up" lead="The first user exists; the link has done its work." foot={version}>
        <LinkButton to="/signin" size="sm" fullWidth>
          Sign in
        </LinkButton>
      </Door>
    );
  }
  if (!token) {
    return (
      <Door title="Set up" lead="The set-up link is not complete." foot={version}>
        <p>Copy it whole from the server’s log; it ends with a long token.</p>
      </Door>
    );
  }
  return (
    <Door title="Set up" lead="Create the first administrator." foot={version}>
      <FirstUser token={token} />
    </Door>
  );
}

function FirstUser({ token }: { token: string }) {
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const [fault, setFault] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);

  async function submit(e: FormEvent) {
    e.preventDefault();
    if (password !== again) return setFault(new ApiError(0, 'The two passwords differ.'));
    setBusy(true);
    setFault(null);
    try {
      const me = await answerOf(api.POST('/api/v1/setup', { body: { token, name, password } }));
      carryCSRF(me.csrf);
      queryClient.setQueryData(meQuery.queryKey, me);
      toast.done(`Welcome, ${me.name}`);
      // The used token has no place in the history.
      await navigate({ to: '/sessions', replace: true });
    } catch (err) {
      setFault(err instanceof ApiError ? err : new ApiError(0, String(err)));
      setBusy(false);
    }
  }

  return (
    <form className={css.form} onSubmit={(e) => void submit(e)}>
      <TextInput label="Name" name="name" autoComplete="username" autoCapitalize="none" spellCheck={false} required autoFocus value={name} onChange={(e) => setName(e.currentTarget.value)} />
      <PasswordInput label="Password" name="password" description="At least 12 characters; a few random words are good" autoComplete="new-password" required minLength={12} value={password} onChange={(e) => setPassword(e.currentTarget.value)} />
      <PasswordInput label="Password again" name="again" autoComplete="new-password" required value={again} onChange={(e) => setAgain(e.currentTarget.value)} />
      {fault && <p className={css.fault} role="alert">{fault.message}</p>}
      <Button type="submit" size="sm" loading={busy}>
        Create and sign in
      </Button>
    </form>
  );
}

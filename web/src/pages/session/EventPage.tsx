import { useQuery } from '@tanstack/react-query';
import { Link, useCanGoBack, useNavigate, useParams, useRouter } from '@tanstack/react-router';
import { ApiError } from '../../api/client';
import { eventQuery } from '../../api/queries';
import { Empty, Failed, Loading, Page, PageHead, Panel, When } from '../../design/parts';
import { LinkButton } from '../../design/LinkButton';
import { asRating } from '../../design/rating';
import { RatingBadge } from '../../design/RatingMark';
import { useKeys } from '../../shell/keys';
import { EventDetail } from './EventDetail';

export function EventPage() {
  const { id } = useParams({ from: '/shell/events/$id' });
  const found = useQuery(eventQuery(id));
  const navigate = useNavigate();
  const router = useRouter();
  const canGoBack = useCanGoBack();
  useKeys({ Escape: () => (canGoBack ? router.history.back() : void navigate({ to: '/sessions' })) });
  const e = found.data;
  const missing = found.error instanceof ApiError && found.error.status === 404;

  return (
    <Page title={e ? `Event ${e.name}` : 'Event'}>
      <PageHead
        above={<>
          <Link to="/sessions">Sessions</Link>
          {e && <><span aria-hidden="true">/</span><Link to="/sessions/$id" params={{ id: e.session_id }}>Session <code>{e.session_id}</code></Link></>}
        </>}
        title={e?.name ?? 'Event'}
      >
        {e && <RatingBadge rating={asRating(e.rating)} />}
        {e && <When at={e.time} />}
        {e && (
          <LinkButton to="/sessions/$id" params={{ id: e.session_id }} search={{ event: e.id }} variant="default" ml="auto">
            Show in the session
          </LinkButton>
        )}
      </PageHead>
      <Panel label="Event">
        {found.isPending ? (
          <Loading lines={8} height={18} />
        ) : missing ? (
          <Empty title="There is no such event">It may have passed its retention time, or the ID is mistyped.</Empty>
        ) : found.isError ? (
          <Failed error={found.error} retry={found.refetch} what="The event could not be loaded" />
        ) : (
          <EventDetail event={found.data} page />
        )}
      </Panel>
    </Page>
  );
}

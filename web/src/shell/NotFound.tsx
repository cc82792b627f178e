import { IconRouteOff } from '@tabler/icons-react';
import { LinkButton } from '../design/LinkButton';
import { Empty, Page, Panel } from '../design/parts';

export function NotFound() {
  return (
    <Page title="Not found">
      <Panel label="Not found">
        <Empty
          icon={<IconRouteOff size={28} stroke={1.5} />}
          title="There is no such page"
          actions={
            <LinkButton to="/sessions" variant="default">
              To the sessions
            </LinkButton>
          }
        >
          The address may be mistyped, or the page belongs to another version of the Hub.
        </Empty>
      </Panel>
    </Page>
  );
}

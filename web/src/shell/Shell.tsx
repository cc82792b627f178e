import { Menu, useMantineColorScheme } from '@mantine/core';
import { IconActivityHeartbeat, IconBulb, IconKey, IconKeyboard, IconLogout, IconRoute, IconSearch, IconUserCircle, IconUserScan } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, Outlet, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { answerOf, api } from '../api/client';
import { meQuery, statusQuery } from '../api/queries';
import { Choice } from '../design/Choice';
import { Mark } from '../design/Logo';
import { toast } from '../design/toast';
import { KeyboardHelp } from './KeyboardHelp';
import { Palette } from './Palette';
import { PasswordDialog } from './PasswordDialog';
import { useKeys } from './keys';
import css from './Shell.module.css';

type Open = 'palette' | 'help' | 'password' | null;

export function Shell() {
  const [open, setOpen] = useState<Open>(null);
  const navigate = useNavigate();
  const status = useQuery({ ...statusQuery, refetchInterval: 15_000 });
  const role = useQuery(meQuery).data?.role;
  const mayReadPolicy = role === 'admin' || role === 'analyst';
  const troubled = status.data !== undefined && !status.data.healthy;

  useKeys({
    'mod+k': () => setOpen('palette'),
    '/': () => setOpen('palette'),
    '?': () => setOpen('help'),
    'g s': () => void navigate({ to: '/sessions' }),
    'g r': () => void navigate({ to: '/recognition' }),
    'g d': () => void navigate({ to: '/discovery' }),
    'g t': () => void navigate({ to: '/status' }),
  });

  return (
    <div className={css.shell}>
      <nav className={css.rail} aria-label="Main">
        <Link to="/sessions" className={css.logo} aria-label="Throughline, to the sessions">
          <Mark size={30} />
        </Link>
        <Link to="/sessions" className={css.item} activeProps={{ 'data-active': true, 'aria-current': 'page' }}>
          <IconRoute size={20} stroke={1.6} />
          Sessions
        </Link>
        <Link to="/recognition" className={css.item} activeProps={{ 'data-active': true, 'aria-current': 'page' }}>
          <IconUserScan size={20} stroke={1.6} />
          Recognition
        </Link>
        {mayReadPolicy && (
          <Link to="/discovery" className={css.item} activeProps={{ 'data-active': true, 'aria-current': 'page' }}>
            <IconBulb size={20} stroke={1.6} />
            Discovery
          </Link>
        )}
        <Link to="/status" className={css.item} activeProps={{ 'data-active': true, 'aria-current': 'page' }}>
          <span className={css.withDot}>
            <IconActivityHeartbeat size={20} stroke={1.6} />
            {troubled && <i className={css.dot} role="img" aria-label="There are problems" />}
          </span>
          Status
        </Link>
        <span className={css.grow} />
        <button type="button" className={css.item} onClick={() => setOpen('palette')} title="Find (⌘K or /)">
          <IconSearch size={20} stroke={1.6} />
          Find
        </button>
        <UserMenu onOpen={setOpen} />
      </nav>
      <div className={css.content}>
        <Outlet />
      </div>
      <Palette opened={open === 'palette'} onClose={() => setOpen(null)} />
      <KeyboardHelp opened={open === 'help'} onClose={() => setOpen(null)} />
      <PasswordDialog opened={open === 'password'} onClose={() => setOpen(null)} />
    </div>
  );
}

const roleWord = { admin: 'Administrator', analyst: 'Analyst', viewer: 'Viewer' };

function UserMenu({ onOpen }: { onOpen: (o: Open) => void }) {
  const me = useQuery(meQuery).data;
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const { colorScheme, setColorScheme } = useMantineColorScheme();

  async function signOut() {
    try {
      await answerOf(api.POST('/api/v1/logout'));
    } catch (e) {
      toast.failed(`Signing out failed: ${(e as Error).message}`);
      return;
    }
    queryClient.clear();
    await navigate({ to: '/signin', search: {}, replace: true });
  }

  return (
    <Menu position="right-end" width={240} offset={10}>
      <Menu.Target>
        <button type="button" className={css.item} aria-label="Your account">
          <IconUserCircle size={20} stroke={1.6} />
          <span className={css.name}>{me?.name ?? 'You'}</span>
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <div className={css.me}>
          <strong>{me?.name}</strong>
          <small>{me ? roleWord[me.role] : ''}</small>
        </div>
        <Menu.Divider />
        <div className={css.theme}>
          <Choice
            wide
            name="Theme"
            value={colorScheme}
            onChange={setColorScheme}
            options={[
              ['light', 'Light'],
              ['dark', 'Dark'],
              ['auto', 'System'],
            ]}
          />
        </div>
        <Menu.Divider />
        <Menu.Item leftSection={<IconKeyboard size={16} />} onClick={() => onOpen('help')}>
          Keyboard
        </Menu.Item>
        <Menu.Item leftSection={<IconKey size={16} />} onClick={() => onOpen('password')}>
          Change password
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void signOut()}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

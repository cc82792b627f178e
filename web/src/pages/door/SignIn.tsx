import { Button, PasswordInput, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useRouter, useSearch } from '@tanstack/react-router';
import { useState, type FormEvent } from 'react';
import { answerOf, api, carryCSRF } from '../../api/client';
import { meQuery, setupQuery } from '../../api/queries';
import { Door } from './Door';
import css from './Door.module.css';

export function SignIn() {
  const { next } = useSearch({ from: '/signin' });
  const setup = useQuery(setupQuery);
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const router = useRouter();
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [fault, setFault] = useState('');
  const [busy, setBusy] = useState(false);

  async function submit(e: FormEvent) {
    e.preventDefault();
    setBusy(true);
    setFault('');
    try {
      const me = await answerOf(api.POST('/api/v1/login', { body: { name, password } }));
      carryCSRF(me.csrf);
      queryClient.setQueryData(meQuery.queryKey, me);
      // Only ever a path of our own: "//host" would lead elsewhere.
      if (next && /^\/(?![/\\])/.test(next)) router.history.push(next);
      else await navigate({ to: '/sessions' });
    } catch (err) {
      setFault((err as Error).message);
      setBusy(false);
    }
  }

  const version = setup.data ? `Version ${setup.data.version}` : '';
  if (setup.data?.needs_setup) {
    return (
      <Door title="Welcome" lead="This Hub has no user yet." foot={version}>
        <p>
          Open the one-time set-up link that the server printed in its log when it started. It looks like <code>/setup?token=…</code> and creates the first
          administrator. There is no default password.
        </p>
      </Door>
    );
  }
  return (
    <Door title="Sign in" lead="See every journey through your site, and what turned it." foot={version}>
      <form className={css.form} onSubmit={(e) => void submit(e)}>
        <TextInput label="Name" name="name" autoComplete="username" autoCapitalize="none" spellCheck={false} required autoFocus value={name} onChange={(e) => setName(e.currentTarget.value)} />
        <PasswordInput label="Password" name="password" autoComplete="current-password" required value={password} onChange={(e) => setPassword(e.currentTarget.value)} />
        {fault && <p className={css.fault} role="alert">{fault}</p>}
        <Button type="submit" size="sm" loading={busy}>
          Sign in
        </Button>
      </form>
    </Door>
  );
}

import { Button, Modal, PasswordInput } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { answerOf, api } from '../api/client';
import { toast } from '../design/toast';
import css from '../pages/door/Door.module.css';

export function PasswordDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Change password" size={400}>
      {opened && <Form onDone={onClose} />}
    </Modal>
  );
}

function Form({ onDone }: { onDone: () => void }) {
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const [again, setAgain] = useState('');
  const [fault, setFault] = useState('');
  const [busy, setBusy] = useState(false);

  async function submit(e: FormEvent) {
    e.preventDefault();
    if (next !== again) return setFault('The two new passwords differ.');
    setBusy(true);
    setFault('');
    try {
      await answerOf(api.POST('/api/v1/me/password', { body: { current, new: next } }));
      toast.done('Password changed; your other sign-ins have ended');
      onDone();
    } catch (err) {
      setFault((err as Error).message);
    } finally {
      setBusy(false);
    }
  }

  return (
    <form className={css.form} onSubmit={(e) => void submit(e)}>
      <PasswordInput label="Current password" autoComplete="current-password" required value={current} onChange={(e) => setCurrent(e.currentTarget.value)} data-autofocus />
      <PasswordInput label="New password" description="At least 12 characters; a few random words are good" autoComplete="new-password" required minLength={12} value={next} onChange={(e) => setNext(e.currentTarget.value)} />
      <PasswordInput label="New password again" autoComplete="new-password" required value={again} onChange={(e) => setAgain(e.currentTarget.value)} />
      {fault && <p className={css.fault} role="alert">{fault}</p>}
      <Button type="submit" size="sm" loading={busy}>
        Change password
      </Button>
    </form>
  );
}

import { IconLock } from '@tabler/icons-react';
import css from './EntityValue.module.css';

/** A value as it may be shown: a keyed hash is marked and shortened. */
export function EntityValue({ value, hashed }: { value: string; hashed: boolean }) {
  if (!hashed) return <span className={css.value}>{value}</span>;
  return (
    <span className={css.hashed} title={`${value}\nOnly a keyed hash of this value is kept`}>
      <IconLock size={12} />
      <code>{value.length > 14 ? `${value.slice(0, 12)}…` : value}</code>
    </span>
  );
}

import type { ReactNode } from 'react';
import { useEffect } from 'react';
import { Mark } from '../../design/Logo';
import css from './Door.module.css';

/** The frame of the pages before signing in. */
export function Door({ title, lead, foot, children }: { title: string; lead: ReactNode; foot?: ReactNode; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Throughline`;
  }, [title]);
  return (
    <main className={css.door}>
      <div className={css.box}>
        <div className={css.brand}>
          <Mark size={36} />
          Throughline
        </div>
        <div className={css.card}>
          <h1>{title}</h1>
          <p>{lead}</p>
          {children}
        </div>
        <p className={css.foot}>{foot}</p>
      </div>
    </main>
  );
}

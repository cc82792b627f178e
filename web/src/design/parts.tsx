import { ActionIcon, Button, Skeleton } from '@mantine/core';
import { IconCheck, IconCopy, IconPlugConnectedX } from '@tabler/icons-react';
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { countryName } from '../format/place';
import { ago, exact, moment, stamp } from '../format/time';
import { useNow } from './now';
import { toast } from './toast';
import css from './parts.module.css';

export function Page({ title, children }: { title: string; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Throughline`;
  }, [title]);
  return <main className={css.page}>{children}</main>;
}

export function PageHead({ title, above, children }: { title: ReactNode; above?: ReactNode; children?: ReactNode }) {
  return (
    <header className={css.head}>
      {above && <nav className={css.crumbs}>{above}<span aria-hidden="true">/</span></nav>}
      <h1>{title}</h1>
      {children}
    </header>
  );
}

export function Panel(props: { title?: ReactNode; note?: ReactNode; aside?: ReactNode; flush?: boolean; className?: string; children: ReactNode; label?: string }) {
  const { title, note, aside, flush, className, children, label } = props;
  return (
    <section className={`${css.panel} ${className ?? ''}`} aria-label={label ?? (typeof title === 'string' ? title : undefined)}>
      {title && (
        <div className={css.panelHead}>
          <h2>{title}</h2>
          {note && <small>{note}</small>}
          {aside && <span className={css.grow} />}
          {aside}
        </div>
      )}
      <div className={`${css.panelBody} ${flush ? css.flush : ''}`}>{children}</div>
    </section>
  );
}

export function Facts({ children }: { children: ReactNode }) {
  return <dl className={css.facts}>{children}</dl>;
}

/** `wide` takes a row of its own on a narrow screen: for values that don't break well. */
export function Fact({ name, wide, children }: { name: string; wide?: boolean; children: ReactNode }) {
  return (
    <div className={css.fact} data-wide={wide || undefined}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

export function None({ children = 'none' }: { children?: ReactNode }) {
  return <span className={css.none}>{children}</span>;
}

export function Empty({ icon, title, children, actions }: { icon?: ReactNode; title: string; children?: ReactNode; actions?: ReactNode }) {
  return (
    <div className={css.state}>
      {icon}
      <strong>{title}</strong>
      {children && <p>{children}</p>}
      {actions && <div>{actions}</div>}
    </div>
  );
}

export function Failed({ error, retry, what = 'This could not be loaded' }: { error: Error; retry?: () => unknown; what?: string }) {
  return (
    <div className={css.state} role="alert">
      <IconPlugConnectedX size={28} stroke={1.5} />
      <strong>{what}</strong>
      <p>{error.message}</p>
      {retry && (
        <div>
          <Button variant="default" onClick={() => void retry()}>
            Try again
          </Button>
        </div>
      )}
    </div>
  );
}

const widths = ['92%', '78%', '86%', '64%', '88%', '72%'];

/** Grey lines of a believable shape while something loads. */
export function Loading({ lines = 6, height = 14 }: { lines?: number; height?: number }) {
  return (
    <div className={css.lines} aria-busy="true" aria-label="Loading">
      {Array.from({ length: lines }, (_, i) => (
        <Skeleton key={i} height={height} width={widths[i % widths.length] ?? '80%'} />
      ))}
    </div>
  );
}

export async function copy(text: string, what: string) {
  try {
    await navigator.clipboard.writeText(text);
    toast.done(`${what} copied`);
  } catch {
    toast.failed(`The browser did not allow copying. ${what}: ${text}`);
  }
}

export function CopyButton({ text, what }: { text: string; what: string }) {
  const [done, setDone] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <ActionIcon
      size={20}
      aria-label={`Copy ${what}`}
      title={`Copy ${what}`}
      onClick={(e) => {
        e.stopPropagation();
        void copy(text, what).then(() => {
          setDone(true);
          timer.current = setTimeout(() => setDone(false), 1400);
        });
      }}
    >
      {done ? <IconCheck size={13} /> : <IconCopy size={13} />}
    </ActionIcon>
  );
}

export function ID({ id, what }: { id: string; what: string }) {
  return (
    <span className={css.id}>
      <code>{id}</code>
      <CopyButton text={id} what={what} />
    </span>
  );
}

export function Flag({ code }: { code: string }) {
  if (!/^[A-Z]{2}$/.test(code)) return null;
  return <img className={css.flag} src={`/flags/${code}.svg`} alt="" width={16} height={11} loading="lazy" />;
}

export function Place({ country, city }: { country: string; city: string }) {
  if (!country && !city) return <None>unknown</None>;
  const name = countryName(country);
  return (
    <span className={css.place} title={[city, name].filter(Boolean).join(', ')}>
      <Flag code={country} />
      <span>{city || name}</span>
    </span>
  );
}

/** A moment in UTC; how long ago it was, on hover. */
export function When({ at }: { at: string | number }) {
  const now = useNow();
  return <time title={`${exact(at)}\n${ago(at, now)}`}>{moment(at)}</time>;
}

/** The same in a narrow column. */
export function Stamp({ at }: { at: string | number }) {
  const now = useNow();
  return <time title={`${exact(at)}\n${ago(at, now)}`}>{stamp(at, now)}</time>;
}

export function Ago({ at }: { at: string | number }) {
  const now = useNow();
  return <time title={exact(at)}>{ago(at, now)}</time>;
}

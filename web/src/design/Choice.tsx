import css from './Choice.module.css';

/** One of a few, side by side. Plain radio buttons underneath, so arrows work. */
export function Choice<T extends string>(props: { name: string; value: T; options: readonly (readonly [T, string])[]; onChange: (v: T) => void; wide?: boolean }) {
  const { name, value, options, onChange, wide } = props;
  return (
    <div className={css.choice} role="radiogroup" aria-label={name} data-wide={wide || undefined}>
      {options.map(([v, word]) => (
        <label key={v}>
          <input type="radio" name={name} value={v} checked={v === value} onChange={() => onChange(v)} />
          <span>{word}</span>
        </label>
      ))}
    </div>
  );
}

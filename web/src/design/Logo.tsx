/** The mark: a line passing through points. */
export function Mark({ size = 28 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="var(--tl-accent-fill)" />
      <path d="M5 23 12 15.5 19.5 18.5 27 8.5" fill="none" stroke="#fff" strokeWidth="2.4" strokeLinecap="round" strokeLinejoin="round" />
      <circle cx="12" cy="15.5" r="3.1" fill="#fff" />
      <circle cx="19.5" cy="18.5" r="3.1" fill="var(--tl-accent-fill)" stroke="#fff" strokeWidth="2.2" />
    </svg>
  );
}

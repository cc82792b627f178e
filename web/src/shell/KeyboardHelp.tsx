import { Kbd, Modal } from '@mantine/core';
import { keyHelp } from './keys';
import css from './KeyboardHelp.module.css';

export function KeyboardHelp({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Keyboard" size={560}>
      <div className={css.groups}>
        {keyHelp.map((g) => (
          <section key={g.group}>
            <h3>{g.group}</h3>
            <dl>
              {g.keys.map((k) => (
                <div key={k.keys}>
                  <dt>
                    {k.keys.split('  ').map((part) => (part === 'or' ? <span key={part}>or</span> : <Kbd key={part} size="xs">{part}</Kbd>))}
                  </dt>
                  <dd>{k.does}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Modal>
  );
}

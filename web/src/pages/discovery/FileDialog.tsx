import { Button, Modal } from '@mantine/core';
import { IconCopy, IconDownload } from '@tabler/icons-react';
import type { ProposedFile } from '../../api/types';
import { copy } from '../../design/parts';
import { save } from '../../format/file';
import { many } from '../../format/number';
import css from './DiscoveryPage.module.css';

/** The policy file that was made of what was chosen. */
export function FileDialog({ file, onClose }: { file: ProposedFile | null; onClose: () => void }) {
  return (
    <Modal opened={file !== null} onClose={onClose} title={file ? (file.faults.length > 0 ? `${file.file} does not fit the policy in force` : `Put ${file.file} into the policy folder`) : ''} size={720}>
      {file && (
        <>
          {file.faults.length > 0 ? (
            <div className={css.faults} role="alert">
              <p>With this file the policy would be refused, for {many(file.faults.length, 'fault')}. Choose others, or change the file.</p>
              {file.faults.map((f) => <code key={f}>{f}</code>)}
            </div>
          ) : (
            <p className={css.good} role="status">
              It was compiled together with the policy in force, and nothing is wrong. Once the file is in the folder it is in force within seconds; nothing was changed yet.
            </p>
          )}
          <pre className={css.text} tabIndex={0} aria-label={file.file}>{file.yaml}</pre>
          <div className={css.buttons}>
            <Button variant="default" leftSection={<IconCopy size={15} />} onClick={() => void copy(file.yaml, file.file)}>Copy</Button>
            <Button leftSection={<IconDownload size={15} />} onClick={() => save(file.file, 'application/yaml', file.yaml)} data-autofocus>Download</Button>
          </div>
        </>
      )}
    </Modal>
  );
}

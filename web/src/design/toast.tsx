import { notifications } from '@mantine/notifications';
import { IconAlertTriangle, IconCheck } from '@tabler/icons-react';

export const toast = {
  done: (message: string) => notifications.show({ message, icon: <IconCheck size={16} />, color: 'teal', autoClose: 3000, withBorder: true }),
  failed: (message: string) => notifications.show({ message, icon: <IconAlertTriangle size={16} />, color: 'red', autoClose: 8000, withBorder: true }),
};

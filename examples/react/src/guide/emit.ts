// Section 3.
import { productionWebSocketManager } from '@/services/websocket.production';

export function emitEvents(): void {
  // Send message
  productionWebSocketManager.emit(
    'messaging',
    'NEW_MESSAGE',
    {
      content: 'Hello!',
      receiverId: 'recipient-id',
    },
  );

  // Mark notification as read
  productionWebSocketManager.emit(
    'notifications',
    'notification:mark_read',
    { notificationId: 'notif-id' },
  );

  // Update activity
  productionWebSocketManager.emit(
    'realtime',
    'activity:ping',
    {},
  );
}

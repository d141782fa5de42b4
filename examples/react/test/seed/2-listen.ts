// Listen to notifications
productionWebSocketManager.on(
  'notifications',
  'notification:new',
  (data) => {
    console.log('New notification:', data);
    showNotification(data.title, data.message);
  },
);

// Listen to real-time events
productionWebSocketManager.on(
  'realtime',
  'presence:update',
  (data) => {
    console.log('Presence update:', data);
    updateUserStatus(data.userId, data.status);
  },
);

// Listen to messages
productionWebSocketManager.on(
  'messaging',
  'NEW_MESSAGE',
  (data) => {
    console.log('New message:', data);
    addMessageToChat(data);
  },
);

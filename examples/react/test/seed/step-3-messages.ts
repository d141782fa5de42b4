// Use messaging namespace
productionWebSocketManager.on('messaging', 'NEW_MESSAGE', handleNewMessage);
productionWebSocketManager.on('messaging', 'MESSAGE_SENT', handleSent);
productionWebSocketManager.on('messaging', 'USER_TYPING', handleTyping);

import React, { useEffect, useState } from 'react';
import { productionWebSocketManager } from '@/services/websocket.production';

function Dashboard() {
  const [connected, setConnected] = useState(false);
  const [notifications, setNotifications] = useState([]);

  useEffect(() => {
    // Initialize WebSocket
    const initWebSocket = async () => {
      try {
        await productionWebSocketManager.connect(
          user.id,
          token,
        );
        setConnected(true);
      } catch (error) {
        console.error('WebSocket connection failed:', error);
      }
    };

    initWebSocket();

    // Listen to connection status
    const statusHandler = (status) => {
      setConnected(status === 'connected');
    };

    productionWebSocketManager.addStatusListener(statusHandler);

    // Listen to notifications
    const notificationHandler = (data) => {
      setNotifications(prev => [data, ...prev]);
    };

    productionWebSocketManager.on(
      'notifications',
      'notification:new',
      notificationHandler,
    );

    // Cleanup
    return () => {
      productionWebSocketManager.removeStatusListener(statusHandler);
      productionWebSocketManager.off(
        'notifications',
        'notification:new',
        notificationHandler,
      );
      productionWebSocketManager.disconnect();
    };
  }, [user.id, token]);

  return (
    <div>
      <ConnectionIndicator connected={connected} />
      <NotificationList notifications={notifications} />
    </div>
  );
}

// Section 4.
import { productionWebSocketManager } from '@/services/websocket.production';
import { hideOfflineBanner, showOfflineBanner, showSlowConnectionWarning } from '../actions';

// Listen to connection status changes
productionWebSocketManager.addStatusListener((status) => {
  console.log('Connection status:', status);
  
  if (status === 'disconnected') {
    showOfflineBanner();
  } else if (status === 'connected') {
    hideOfflineBanner();
  }
});

// Listen to connection quality
productionWebSocketManager.addQualityListener((quality) => {
  console.log('Connection quality:', quality);
  
  if (quality === 'poor') {
    showSlowConnectionWarning();
  }
});

// Get current status
const status = productionWebSocketManager.getConnectionStatus();
const quality = productionWebSocketManager.getConnectionQuality();
const latency = productionWebSocketManager.getAverageLatency();

export { latency, quality, status };

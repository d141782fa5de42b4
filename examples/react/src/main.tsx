import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { RealtimeProvider } from 'nexus-realtime/react';
import { App } from './App';
import './app.css';
import { productionWebSocketManager } from './services/websocket.production';

createRoot(document.getElementById('root')).render(
  <StrictMode>
    <RealtimeProvider manager={productionWebSocketManager}>
      <App />
    </RealtimeProvider>
  </StrictMode>,
);

import { productionWebSocketManager } from 'nexus-realtime';

productionWebSocketManager.configure({ url: import.meta.env.VITE_BACKEND_URL });

export { productionWebSocketManager };

import { productionWebSocketManager } from '@/services/websocket.production';

// In your authentication flow
const user = await loginUser(credentials);

await productionWebSocketManager.connect(
  user.id,
  user.accessToken,
);

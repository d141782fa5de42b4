// Section 1. Imported once somebody has given a name; the module is ready when the connection is.
import { credentials, loginUser } from '../session';
import { productionWebSocketManager } from '@/services/websocket.production';

// In your authentication flow
const user = await loginUser(credentials);

await productionWebSocketManager.connect(
  user.id,
  user.accessToken,
);

// Before
import { improvedWebSocketService } from '../services/websocket.improved';

// After
import { productionWebSocketManager } from '../services/websocket.production';

// Replace connection
await improvedWebSocketService.connect(user.id, token);
// With
await productionWebSocketManager.connect(user.id, token);

// Replace event listeners
improvedWebSocketService.on('NEW_MESSAGE', handler);
// With
productionWebSocketManager.on('realtime', 'NEW_MESSAGE', handler);

// Step 3, Dashboard: the messages of all conversations, which the server mirrors to /realtime.
import { useEffect, useState } from 'react';
import { productionWebSocketManager } from '../services/websocket.production';
import { token, user } from '../session';
import type { Message } from '../store';

const SHOWN = 5;

export function Activity() {
  const [messages, setMessages] = useState<readonly Message[]>([]);

  useEffect(() => {
    const handler = (message: Message) => setMessages((known) => [message, ...known].slice(0, SHOWN));
    const start = async () => {
      await productionWebSocketManager.connect(user.id, token);
    };
    // Not to be connected after all is what leaving the page means.
    start().catch((error) => console.debug('not connected:', error.code));
    productionWebSocketManager.on('realtime', 'NEW_MESSAGE', handler);
    return () => productionWebSocketManager.off('realtime', 'NEW_MESSAGE', handler);
  }, [user.id, token]);

  return (
    <section aria-label="Activity">
      <h2>Activity</h2>
      {messages.length === 0 && <p className="faint">No messages yet.</p>}
      <ul className="list">
        {messages.map(({ id, senderId, receiverId, content }) => (
          <li key={id}>
            <strong>
              {senderId} to {receiverId}
            </strong>
            <span>{content}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

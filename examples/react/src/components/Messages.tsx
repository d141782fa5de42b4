// Step 3, Messages: a conversation with one other user.
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { productionWebSocketManager } from '../services/websocket.production';
import { user } from '../session';
import type { Message } from '../store';

/** How long somebody counts as typing after a key. */
const TYPING_MS = 3000;

export function Messages() {
  const [messages, setMessages] = useState<readonly Message[]>([]);
  const [receiver, setReceiver] = useState('');
  const [content, setContent] = useState('');
  const [typist, setTypist] = useState('');
  const typingEnds = useRef(0);

  useEffect(() => {
    let timer = 0;
    const add = (message: Message) => setMessages((known) => [...known, message]);
    const handleNewMessage = (message: Message) => {
      add(message);
      if (message.senderId !== user.id) setReceiver((chosen) => chosen || message.senderId);
      setTypist('');
    };
    const handleSent = add;
    const handleTyping = (typing: { senderId: string; isTyping: boolean }) => {
      clearTimeout(timer);
      setTypist(typing.isTyping ? typing.senderId : '');
      timer = window.setTimeout(() => setTypist(''), TYPING_MS);
    };

    // Use messaging namespace
    productionWebSocketManager.on('messaging', 'NEW_MESSAGE', handleNewMessage);
    productionWebSocketManager.on('messaging', 'MESSAGE_SENT', handleSent);
    productionWebSocketManager.on('messaging', 'USER_TYPING', handleTyping);

    return () => {
      clearTimeout(timer);
      productionWebSocketManager.off('messaging', 'NEW_MESSAGE', handleNewMessage);
      productionWebSocketManager.off('messaging', 'MESSAGE_SENT', handleSent);
      productionWebSocketManager.off('messaging', 'USER_TYPING', handleTyping);
    };
  }, []);

  const send = (event: FormEvent) => {
    event.preventDefault();
    if (receiver === '' || content === '') return;
    productionWebSocketManager.emit('messaging', 'NEW_MESSAGE', { receiverId: receiver, content });
    setContent('');
    typingEnds.current = 0;
  };

  const type = (text: string) => {
    setContent(text);
    const now = Date.now();
    if (receiver === '' || now < typingEnds.current) return;
    typingEnds.current = now + TYPING_MS / 2;
    productionWebSocketManager.emit('messaging', 'USER_TYPING', { receiverId: receiver, isTyping: true }, { volatile: true });
  };

  return (
    <section className="messages" aria-label="Messages">
      <h2>Messages</h2>
      <ol className="bubbles">
        {messages.map(({ id, senderId, receiverId, content }) => (
          <li key={id} className={senderId === user.id ? 'mine' : 'theirs'}>
            <small className="faint">{senderId === user.id ? `to ${receiverId}` : senderId}</small>
            {content}
          </li>
        ))}
      </ol>
      <p className="typing faint" aria-live="polite">
        {typist !== '' && `${typist} is typing …`}
      </p>
      <form onSubmit={send}>
        <label>
          To
          <input value={receiver} onChange={(event) => setReceiver(event.target.value)} placeholder="bob" required />
        </label>
        <label className="wide">
          Message
          <input value={content} onChange={(event) => type(event.target.value)} placeholder="Hello!" required />
        </label>
        <button>Send</button>
      </form>
    </section>
  );
}

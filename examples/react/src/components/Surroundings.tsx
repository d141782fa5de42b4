import { chat, isOffline, isSlow, presence, toasts, useStore } from '../store';

export function Banner() {
  const offline = useStore(isOffline);
  const slow = useStore(isSlow);
  if (offline) {
    return (
      <p className="banner" role="alert">
        You are offline. What you send is kept, and goes out when the connection is back.
      </p>
    );
  }
  return slow ? <p className="banner">The connection is slow.</p> : null;
}

export function Toasts() {
  return (
    <ul className="toasts" aria-live="polite">
      {useStore(toasts).map(({ id, title, text }) => (
        <li key={id}>
          <strong>{title}</strong>
          {text}
        </li>
      ))}
    </ul>
  );
}

export function People() {
  const users = Object.entries(useStore(presence));
  return (
    <section aria-label="People">
      <h2>People</h2>
      {users.length === 0 && <p className="faint">Nobody came or went yet.</p>}
      <ul className="list">
        {users.map(([name, status]) => (
          <li key={name}>
            <strong>{name}</strong>
            <span className="faint">{status}</span>
          </li>
        ))}
      </ul>
      <p className="faint">Messages received: {useStore(chat).length}</p>
    </section>
  );
}

interface Notification {
  readonly title: string;
  readonly message: string;
}

export function NotificationList({ notifications }: { notifications: readonly Notification[] }) {
  return (
    <section>
      <h2>Notifications</h2>
      {notifications.length === 0 && <p className="faint">Nothing new.</p>}
      <ul className="list">
        {notifications.map(({ title, message }, index) => (
          <li key={notifications.length - index}>
            <strong>{title}</strong>
            <span>{message}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

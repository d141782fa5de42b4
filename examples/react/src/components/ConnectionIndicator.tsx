import { useConnectionQuality, useConnectionStatus, useLatency } from 'nexus-realtime/react';

export function ConnectionIndicator({ connected }: { connected: boolean }) {
  const status = useConnectionStatus();
  const quality = useConnectionQuality();
  const latency = useLatency();
  return (
    <p className="indicator" data-connected={connected} role="status">
      <span className="dot" aria-hidden="true" />
      <strong>{connected ? 'Connected' : 'Not connected'}</strong>
      <span className="faint">
        {connected ? `${quality}${latency === null ? '' : `, ${latency} ms`}` : status}
      </span>
    </p>
  );
}

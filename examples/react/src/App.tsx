import { useState } from 'react';
import { Activity } from './components/Dashboard';
import { Messages } from './components/Messages';
import { SignIn } from './components/SignIn';
import { Banner, People, Toasts } from './components/Surroundings';
import { Dashboard } from './guide/Dashboard';
import { emitEvents } from './guide/emit';
import './guide/listen';
import './guide/monitor';
import { user } from './session';

export function App() {
  const [isSignedIn, setSignedIn] = useState(false);
  if (!isSignedIn) return <SignIn onSignedIn={() => setSignedIn(true)} />;
  return (
    <>
      <header>
        <h1>Nexus with React</h1>
        <span className="faint">signed in as {user.id}</span>
        <button className="quiet" onClick={emitEvents}>
          Emit the guide's events
        </button>
        <button className="quiet" onClick={() => location.reload()}>
          Sign out
        </button>
      </header>
      <Banner />
      <main className="columns">
        <aside>
          <Dashboard />
          <Activity />
          <People />
        </aside>
        <Messages />
      </main>
      <Toasts />
    </>
  );
}

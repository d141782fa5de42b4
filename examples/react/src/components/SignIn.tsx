import { type FormEvent, useState } from 'react';
import { enter } from '../session';

export function SignIn({ onSignedIn }: { onSignedIn: () => void }) {
  const [state, setState] = useState<'idle' | 'busy' | 'failed'>('idle');
  const [problem, setProblem] = useState('');

  const signIn = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    enter(String(new FormData(event.currentTarget).get('name')));
    setState('busy');
    import('../guide/initialize').then(onSignedIn, (error: Error) => {
      setProblem(error.message);
      setState('failed');
    });
  };

  if (state === 'failed') {
    return (
      <main className="card">
        <h1>That did not work</h1>
        <p role="alert">{problem}</p>
        <button onClick={() => location.reload()}>Try again</button>
      </main>
    );
  }
  return (
    <main className="card">
      <h1>Nexus with React</h1>
      <p className="faint">Open this page twice, as two users, and write to the other.</p>
      <form onSubmit={signIn}>
        <label className="wide">
          Your name
          <input name="name" autoFocus required pattern="[a-z0-9_\-]+" placeholder="ada" title="small letters and digits" />
        </label>
        <button disabled={state === 'busy'}>{state === 'busy' ? 'Connecting …' : 'Sign in'}</button>
      </form>
    </main>
  );
}

/** Who uses the application. The demo server believes everybody; here an application asks its own. */
export interface Credentials {
  readonly name: string;
}

export interface User {
  readonly id: string;
  readonly accessToken: string;
}

export let credentials: Credentials;
export let user: User;
export let token: string;

export function enter(name: string): void {
  credentials = { name };
}

export async function loginUser({ name }: Credentials): Promise<User> {
  const response = await fetch('/demo/token', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ userId: name }),
  });
  if (!response.ok) throw new Error(`the server does not let you in (HTTP status ${response.status})`);
  const reply = (await response.json()) as { userId: string; token: string };
  token = reply.token;
  user = { id: reply.userId, accessToken: reply.token };
  return user;
}

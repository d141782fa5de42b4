// The application, built, in Chromium, against nexus-server.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { bubble, launch, Server, serveBuilt, serveForDevelopment, signIn, write } from './support.mjs';

let server;
let browser;
before(async () => {
  [server, browser] = await Promise.all([Server.start(), launch()]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

describe('the built application', () => {
  let site;
  let ada;
  before(async () => {
    site = await serveBuilt(server.url);
    ada = await signIn(browser, site.url, 'ada');
  });
  after(async () => {
    await ada?.close();
    await site?.stop();
  });

  test('shows that it is connected', async () => {
    await ada.page.getByText('Connected', { exact: true }).waitFor();
    await ada.page.locator('.indicator', { hasText: /excellent|good|fair|poor/ }).waitFor();
    assert.equal(await ada.page.locator('.banner').count(), 0);
  });

  test('a message comes in the messaging and in the realtime namespace, once each', async () => {
    const bob = await signIn(browser, site.url, 'bob');
    await ada.page.getByLabel('People').getByText('bob', { exact: true }).waitFor();
    await write(ada.page, 'bob', 'How do you do?');
    await bubble(ada.page, 'How do you do?', 'mine').waitFor();
    await bubble(bob.page, 'How do you do?', 'theirs').waitFor();
    await bob.page.getByLabel('Activity').getByText('ada to bob').waitFor();
    await bob.page.getByText('Messages received: 1', { exact: true }).waitFor();

    // The answer comes after whatever would have come twice.
    await write(bob.page, 'ada', 'Well, and you?');
    await bubble(ada.page, 'Well, and you?', 'theirs').waitFor();
    assert.equal(await bubble(bob.page, 'How do you do?', 'theirs').count(), 1);
    assert.equal(await bob.page.getByLabel('Activity').getByText('How do you do?').count(), 1);
    assert.equal(await bubble(ada.page, 'How do you do?', 'mine').count(), 1);

    await bob.page.getByLabel('Message', { exact: true }).fill('And');
    await ada.page.getByText('bob is typing').waitFor();
    assert.deepEqual(bob.errors, []);
    await bob.close();
  });

  test("the guide's events go out, and the message is confirmed", async () => {
    await ada.page.getByRole('button', { name: "Emit the guide's events" }).click();
    await bubble(ada.page, 'Hello!', 'mine').getByText('to recipient-id').waitFor();
    // Less the marker by which the server knows repeats.
    const sent = ada.sockets.find(({ isOpen }) => isOpen).sent.map((frame) => String(frame).replace(/,\{"\$m":\{"id":\d+,"lo":\d+\}\}\]$/, ']'));
    for (const frame of [
      '42/messaging,["NEW_MESSAGE",{"content":"Hello!","receiverId":"recipient-id"}]',
      '42/notifications,["notification:mark_read",{"notificationId":"notif-id"}]',
      '42/realtime,["activity:ping",{}]',
    ]) {
      assert.equal(sent.filter((other) => other === frame).length, 1, frame);
    }
  });

  test('a killed server is told of; what is written meanwhile goes out when there is one again', async () => {
    await server.kill();
    await ada.page.getByRole('alert').getByText('You are offline').waitFor();
    await ada.page.getByText('Not connected').waitFor();
    await write(ada.page, 'bob', 'Are you there?');
    assert.equal(await bubble(ada.page, 'Are you there?', 'mine').count(), 0);

    await server.start();
    await ada.page.locator('.indicator[data-connected=true]').waitFor();
    await bubble(ada.page, 'Are you there?', 'mine').waitFor();
    await ada.page.locator('.banner').waitFor({ state: 'detached' });
    assert.deepEqual(ada.errors, []);
  });

  test('a notification is in the list, and shown for a while', async () => {
    // The server sends none yet; this is how one would look on the wire, with its place in the log.
    let push;
    const eve = await signIn(browser, site.url, 'eve', (page) =>
      page.routeWebSocket(/\/socket\.io\//, (socket) => {
        const upstream = socket.connectToServer();
        upstream.onMessage((frame) => {
          socket.send(frame);
          if (String(frame).startsWith('40/notifications,')) {
            push = () => socket.send('42/notifications,["notification:new",{"title":"Upkeep","message":"Tonight at nine"},"e.1"]');
            push();
          }
        });
      }),
    );
    await eve.page.locator('.toasts', { hasText: 'Tonight at nine' }).waitFor();
    await eve.page.locator('section', { hasText: 'Notifications' }).getByText('Tonight at nine').waitFor();
    await eve.close();
  });

  test('a server that lets nobody in is told of', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.route('**/demo/token', (route) => route.fulfill({ status: 503 }));
    await page.goto(site.url);
    await page.getByLabel('Your name').fill('mallory');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').getByText('HTTP status 503').waitFor();
    await context.close();
  });
});

test('under StrictMode, which mounts twice, there is one connection and each message once', async () => {
  const site = await serveForDevelopment(server.url);
  try {
    const carl = await signIn(browser, site.url, 'carl');
    await write(carl.page, 'carl', 'A note to myself');
    await carl.page.getByLabel('Activity').getByText('A note to myself').waitFor();
    await bubble(carl.page, 'A note to myself', 'mine').first().waitFor();
    // Comes after whatever would have come twice.
    await write(carl.page, 'dora', 'The end');
    await bubble(carl.page, 'The end', 'mine').waitFor();
    assert.equal(await carl.page.getByLabel('Activity').getByText('A note to myself').count(), 1);
    assert.equal(await bubble(carl.page, 'The end', 'mine').count(), 1);
    assert.equal(carl.sockets.filter(({ isOpen }) => isOpen).length, 1);
    assert.deepEqual(carl.errors, []);
    await carl.close();
  } finally {
    await site.stop();
  }
});

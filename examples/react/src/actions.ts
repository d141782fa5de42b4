/** What the guide's listeners call. */
import { chat, isOffline, isSlow, type Message, presence, toasts } from './store';

const TOAST_LIFE_MS = 6000;
let lastToast = 0;

export function showNotification(title: string, text: string): void {
  const id = ++lastToast;
  toasts.update((shown) => [...shown, { id, title, text }]);
  setTimeout(() => toasts.update((shown) => shown.filter((toast) => toast.id !== id)), TOAST_LIFE_MS);
}

export function updateUserStatus(userId: string, status: string): void {
  presence.update((users) => ({ ...users, [userId]: status }));
}

export function addMessageToChat(message: Message): void {
  chat.update((messages) => [...messages, message]);
}

export function showOfflineBanner(): void {
  isOffline.update(() => true);
}

export function hideOfflineBanner(): void {
  isOffline.update(() => false);
  isSlow.update(() => false);
}

export function showSlowConnectionWarning(): void {
  isSlow.update(() => true);
}

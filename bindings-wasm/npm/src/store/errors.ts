import { RealtimeError } from "../errors.js";

export type StorageErrorCode = "STORAGE_FULL" | "STORAGE_CORRUPT" | "STORAGE_UNAVAILABLE";

/** A store could not do its work. */
export class StorageError extends RealtimeError<StorageErrorCode> {
  override readonly name = "StorageError";
}

/** What any failure of a storage means. */
export function storageError(cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  const { name, message = String(cause), code } = (cause ?? {}) as { name?: unknown; message?: string; code?: unknown };
  const kind: StorageErrorCode =
    name === "QuotaExceededError" || code === "STORAGE_FULL"
      ? "STORAGE_FULL"
      : name === "NotReadableError" || code === "STORAGE_CORRUPT"
        ? "STORAGE_CORRUPT"
        : "STORAGE_UNAVAILABLE";
  return new StorageError(kind, message, { cause });
}

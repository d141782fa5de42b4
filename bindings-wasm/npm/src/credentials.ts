import { ConnectError } from "./errors.js";

/** What can be said of them before anybody is asked. */
export function refuseCredentials(userId: unknown, token: unknown): ConnectError | undefined {
  if (typeof userId !== "string" || userId === "") {
    return new ConnectError("INVALID_USER_ID", "the user id is not a text, or empty", { isFinal: false });
  }
  if ((typeof token !== "string" && typeof token !== "function") || token === "") {
    return new ConnectError("TOKEN_UNAVAILABLE", "the token is neither a text nor a function that gives one", {
      isFinal: false,
      requiresSignIn: true,
    });
  }
  return undefined;
}

/** For calls of `connect` that a later call has ended. */
export function cancelled(): ConnectError {
  return new ConnectError("CANCELLED", "cancelled by a later call");
}

interface ImportMetaEnv {
  /** Address of the server, as `https://example.com`. */
  readonly VITE_BACKEND_URL: string;
}

import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig, loadEnv } from 'vite';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

export default defineConfig(({ mode }) => {
  const { VITE_BACKEND_URL: backend } = loadEnv(mode, path('.'), 'VITE_');
  return {
    plugins: [react()],
    resolve: {
      alias: { '@': path('src') },
      // The package is linked from its folder, which has a React of its own.
      dedupe: ['react', 'react-dom'],
    },
    server: {
      // The demo server's sign-in. An application has its own, at its own address.
      proxy: { '/demo': { target: backend, changeOrigin: true } },
      fs: { allow: [path('.'), path('../../bindings-wasm/npm')] },
    },
  };
});

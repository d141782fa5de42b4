/** Made by the build: the module of `generated/`, optimized, deflated and in base64. */
declare module "nexus:wasm" {
  const deflated: string;
  export default deflated;
}

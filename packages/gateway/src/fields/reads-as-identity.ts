/** Whether a header could be read as one that only the gateway writes (G01): servers read any character but letters and digits as `-`. */
export function readsAsIdentity(name: string): boolean {
  return /^[^a-z0-9]*x[^a-z0-9]+aauth(?![a-z0-9])/i.test(name)
}

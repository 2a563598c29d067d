/** Whether a text fits a pattern, in which `*` stands for any characters but those of `stop`. */
export function fitsPattern(text: string, pattern: string, stop = ''): boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'))
  const any = stop === '' ? '[^]*' : `[^${stop}]*`
  return new RegExp(`^${parts.join(any)}$`).test(text)
}

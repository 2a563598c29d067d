import { networkOf } from 'countersign/wire'

/** The path of an address in a fair queue: its /16, /24 and /32, or /32, /48 and /64; all unknown addresses are one. */
export function networkPath(address: string | undefined): readonly string[] {
  if (address === undefined) return ['unknown']
  return [networkOf(address, 'provider'), networkOf(address, 'site'), networkOf(address)]
}

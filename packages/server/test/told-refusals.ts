import type { CountersignEvent, RefusalEvent } from 'countersign'

export type ToldRefusal = Omit<RefusalEvent, 'kind' | 'role' | 'requestId'>

/** A listener that collects refusals, with their descriptions and request ids. */
export function keepRefusals(told: ToldRefusal[], ids: (string | undefined)[] = []): (event: CountersignEvent) => void {
  return (event) => {
    if (event.kind !== 'refusal') return
    const { kind: _kind, role: _role, requestId, ...refusal } = event
    told.push(refusal)
    ids.push(requestId)
  }
}

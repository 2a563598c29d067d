import type { CountersignEvent, RefusalEvent } from 'countersign'

export type ToldRefusal = Omit<RefusalEvent, 'kind' | 'role' | 'requestId'>

/** A listener that keeps refusals, as they are described, and the ids of their requests. */
export function keepRefusals(told: ToldRefusal[], ids: (string | undefined)[] = []): (event: CountersignEvent) => void {
  return (event) => {
    if (event.kind !== 'refusal') return
    const { kind: _kind, role: _role, requestId, ...refusal } = event
    told.push(refusal)
    ids.push(requestId)
  }
}

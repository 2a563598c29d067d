/** Longest host, with its path, that is kept on one line where there is room for it. */
const WHOLE = 28

/** An address to be read letter by letter: isolated, in strong type, and not broken at its hyphens while it is short. */
export function Host(props: { children: string }) {
  return <bdi class={props.children.length <= WHOLE ? 'host whole' : 'host'}>{props.children}</bdi>
}

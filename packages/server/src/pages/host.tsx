/** Longest host that is kept on one line where there is room for it. */
const WHOLE = 28

/** An address to be read letter by letter: isolated, in strong type; a long one breaks at its slashes and dots. */
export function Host(props: { children: string }) {
  const address = props.children
  if (address.length <= WHOLE) return <bdi class="host whole">{address}</bdi>
  const [host = ''] = address.split('/')
  const [first, ...rest] = address.split(host.length > WHOLE ? /(?=\/)|(?<=\.)/ : /(?=\/)/)
  return (
    <bdi class="host">
      {first}
      {rest.map((part) => (
        <>
          <wbr />
          {part}
        </>
      ))}
    </bdi>
  )
}

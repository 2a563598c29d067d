/**
 * How the JWK thumbprints (RFC 7638) begin of the keys that standards print in examples, many with their private halves, by
 * standard. Twelve characters are 72 bits: no other key has them by chance.
 */
const beginningsByStandard = {
  'RFC 6216': [
    '2tw3uLAhKf6s',
    'CPH018yWRbDf',
    'D1Jh8A9eN4l0',
    'Dr45ov0yPGKg',
    'RfEEnxaIZva_',
    'dwUez2MF3Puj',
    'eXhYto61L9GC',
    'iCm8ieetvfZZ',
    'jEualSGpZNLz',
    'v9MgVGScOleL',
  ],
  'RFC 6979': ['DOvxvJiAdIqV'],
  'RFC 7515': ['IsUn6_e04MaS', 'oKIywvGUpTVT'],
  'RFC 7516': ['_K0fXS8wlsT7', 'xtIsOV1FqKH7'],
  'RFC 7517': ['D8R4-FeTJfzu', 'DdsFv-2-wgcP', 'NzbLsXh8uDCc', 'cn-I_WNMCleh'],
  'RFC 7518': ['Vy57XrArUrW0', '_GK0r6GCoJt9'],
  'RFC 7520': ['8izOqBCj1XBw', '9jg46WB3rR_A', 'HsSFalww3yP-', 'Rt-IyDEhXohv', 'h_jutvC-jg3N', 'mTVa39KNK8LI'],
  'RFC 7591': ['_A_aHBu7xiM0'],
  'RFC 7800': ['gNVUILmGM8X0'],
  'RFC 8032': [
    '2bVIQ9_u0wVx',
    'FVV5umTuau89',
    'FtIu-VbGrfe_',
    'iiDHHfFVNG6I',
    'kPrK_qmxVWaY',
    'lZI1vM7tnlYa',
    'qz1FYaobwnFj',
  ],
  'RFC 8152': ['xNnfOFTMgZSR'],
  'RFC 8225': ['I1-pNDvuRdW9', 'VauOzL2BBfH1'],
  'RFC 8291': ['VqahBPDGikK6', 'nHE5fEJimstU'],
  'RFC 8292': ['1qxvx3yqjgbv'],
  'RFC 8410': ['3YZxBJ12jO3n'],
  'RFC 8479': ['lSnRjn-Gywto'],
  'RFC 8696': ['DelSDncZw4S1'],
  'RFC 8705': ['Fvi_j8Immo6A'],
  'RFC 8946': ['2Adrg41OmmlV'],
  'RFC 8995': ['1AhutDA5Nv9h', 'UY-uibnwAygM', 'qSmD4aDvhWQt'],
  'RFC 9092': ['kd6Deo3m8q_w'],
  'RFC 9101': ['06jkoTzywoi8'],
  'RFC 9126': ['jDH_cRgbhQr6'],
  'RFC 9216': [
    '1GFf6ft77Hup',
    '682T_H8cquTz',
    '7kAUHrvMcGQb',
    'BXqw70fsE5fI',
    'EHNVkIv8VpJs',
    'l74yYbB16d2w',
    'naueaqs33TGW',
    'qc8j_PY8BcNf',
  ],
  'RFC 9246': ['P5UpOv0eMq1w'],
  'RFC 9421': ['BHj8s0GPnMEQ', 'oD0HwocPBSfp', 'poqkLGiymh_W', 'ydQXMtvbsOsZ'],
  'RFC 9449': ['0ZcOCORZNYy-'],
  'RFC 9500': ['Fa5JHFzFB8yH', 'LIstkoCvByn4', 'u88se-xodYvJ'],
} as const satisfies Readonly<Record<string, readonly string[]>>

const standardsByBeginning: ReadonlyMap<string, string> = new Map(
  Object.entries(beginningsByStandard).flatMap(([standard, beginnings]) =>
    beginnings.map((beginning): [string, string] => [beginning, standard]),
  ),
)

/** Why a key may not be used, where a standard prints it: everybody can sign with it. To go after what the key is. */
export function publishedKeyProblem(thumbprint: string): string | undefined {
  const standard = standardsByBeginning.get(thumbprint.slice(0, 12))
  return standard && `is an example in ${standard}, and everybody can sign with it: make one of your own`
}

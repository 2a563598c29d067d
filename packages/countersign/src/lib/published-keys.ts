/** JWK thumbprints (RFC 7638) of the keys that standards print in examples, many with their private halves, by standard. */
const thumbprintsByStandard = {
  'RFC 6216': [
    '2tw3uLAhKf6sScaU1C1CjisqjrvvYq-5yXp-0SeTQZk',
    'CPH018yWRbDfLGi-uB6gW6URmXOdUyLXJhFHzK02QlY',
    'D1Jh8A9eN4l0hd7n5XXpKSm2cpi2ttm2EGvGQ8E9NG4',
    'Dr45ov0yPGKgpr1Hbn1dphgCJ_wL1qr9JNqleZTGiJQ',
    'RfEEnxaIZva_nIVWvTxstjXcfO_CFBQdKNnU3VxL-ko',
    'dwUez2MF3PujrgIrGCU1DOWSgGhsDd4cY43kfU2PSmY',
    'eXhYto61L9GCO_9DMg6c0mXlBGXkOFzzzLDSQAu9s7E',
    'iCm8ieetvfZZlGkGyqhk-cU2DSkJwtAnfAKdRJqUfww',
    'jEualSGpZNLzqC06NUxdiBuAsN_BLn3VG2fxb8khaY8',
    'v9MgVGScOleLlmbjkj2jAyN5V3hwl9WfIHqLrh_WAe4',
  ],
  'RFC 6979': ['DOvxvJiAdIqVWIkFt5hDtCunXLF0BV4-JGv4f-ALSm0'],
  'RFC 7515': ['IsUn6_e04MaShXFIISMp4kG62LWzMIPy_MvSA5pJgX8', 'oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U'],
  'RFC 7516': ['_K0fXS8wlsT7Tn3vvZrs9qdKUIqi5AxQ5EVk41xi_BM', 'xtIsOV1FqKH77AI_A3jdTg5QfdabzqI-LNpYTPi0IgI'],
  'RFC 7517': [
    'D8R4-FeTJfzuDUy8bZ0c4hcwpul-Q11gCPs3mw6-R9Q',
    'DdsFv-2-wgcPoDcyS6OXOWVh00JdbWkkVXDCYdxJ3uM',
    'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
    'cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s',
  ],
  'RFC 7518': ['Vy57XrArUrW0NbpI12tEzDHABxMwrTh6HHXRenSpnCo', '_GK0r6GCoJt9zcssg9lay4obIxgCq05ntiRymRHADSU'],
  'RFC 7520': [
    '8izOqBCj1XBwWw0-iTcMv27pUKWwFvNmw-kutyfzf-g',
    '9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI',
    'HsSFalww3yP-dO-lWGYgFcyV5H22oScIFc4V2Y6GOto',
    'Rt-IyDEhXohvTl_ozKQ9YGflXGuDb3uu3QmqN2LoMwM',
    'h_jutvC-jg3Nwueq8LmdSybXykVsBwk4_5u5Y9JiS7E',
    'mTVa39KNK8LI9ZgAkyqQOQayaqVO7DXurapqkzEbfMg',
  ],
  'RFC 7591': ['_A_aHBu7xiM07rkhG5XLl8Hkfdh6ZqdTizjdOFmTrjc'],
  'RFC 7800': ['gNVUILmGM8X02lmcIVmHKnjrJlfhXYf0Zi8dWhyXGWs'],
  'RFC 8032': [
    '2bVIQ9_u0wVxBsBwmxK3F42rRFnt_dA7CZQ3u_2RKZY',
    'FVV5umTuau890q59V-4Ga_R6qWb7ON_ivJc4EjvCwTM',
    'FtIu-VbGrfe_KB6CH7GNwODB72MNxj_ml11dEvO-7kk',
    'iiDHHfFVNG6ICMUTsicgrWf1igtFYZEK73xlobt1ah4',
    'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
    'lZI1vM7tnlYapaF5-cy86ptx0tT_8Av721hhiNB5ti4',
    'qz1FYaobwnFjkaNLccv-mFXe7gu45Zo72p2XqE3Is20',
  ],
  'RFC 8152': ['xNnfOFTMgZSRM3KtGHQqavZGWGF00Fe54LZBYCIxr88'],
  'RFC 8225': ['I1-pNDvuRdW9pX8z5zAuH3M6OCS4IWaleMSWr6z1afY', 'VauOzL2BBfH1zWnMl7vScT6ZMKEPG5u5OLwS59_2AEY'],
  'RFC 8291': ['VqahBPDGikK6KyrDxEnhWUo_lkVjVSvxHuHMK1-R0PE', 'nHE5fEJimstULUDGUTusUEJUpQi-p7faf3TiIE6ZNsI'],
  'RFC 8292': ['1qxvx3yqjgbvZphBjeF9pzkcix6bSXShl4OKROK7mE0'],
  'RFC 8410': ['3YZxBJ12jO3n_mXt_q-j_Z-TFP1vt-NiI3OCf-fEnHQ'],
  'RFC 8479': ['lSnRjn-GywtoStiSeHE1ilQzbRpblZ9iURBi1Q-sOYE'],
  'RFC 8696': ['DelSDncZw4S1N8q-4NaDVOC82MYtGMGvvBFHFN8qG3M'],
  'RFC 8705': ['Fvi_j8Immo6AlgIwpZKqaXnNP_9b09pLKkQHObRebQY'],
  'RFC 8946': ['2Adrg41OmmlV3DfecmcVTVFAPYcsZnNR62HYhWRZJ8Y'],
  'RFC 8995': [
    '1AhutDA5Nv9hksjtWWGFVZrBBg80fnSe8V7_dfLmBYA',
    'UY-uibnwAygMgNEcO1LbPvQE90ylNxu5MAB-KhdqZeU',
    'qSmD4aDvhWQtMDpC7JgFROotaBs999DwkTyoVbjiIjc',
  ],
  'RFC 9092': ['kd6Deo3m8q_wCMfvYU-UfvK8LOMmivrojtKJDrmtpr8'],
  'RFC 9101': ['06jkoTzywoi86j7Nh4yxIt4gecDkZRzqJ5vuZF0VJbY'],
  'RFC 9126': ['jDH_cRgbhQr6FWBeVw-itUyv-Bx8rwx9jCeWCoVS3b0'],
  'RFC 9216': [
    '1GFf6ft77HupUeDCRiaYgaGcMienZuO7wzci1YqMzP0',
    '682T_H8cquTzWdzt0ElmBAjkbB6Q6OFJVbPzjiCADKo',
    '7kAUHrvMcGQb8LZmc8vkF6erQ3LmA1ULBaD_mFkOMCs',
    'BXqw70fsE5fIP5tLHeTMQtlxaF3lEJOjRf2aLHx4Rao',
    'EHNVkIv8VpJsv4gaqGRzEaqhBs-CN4PQCBS7XFzzX_Q',
    'l74yYbB16d2w0MavCFqCFiMHdXSe2Zf6bF1BwKCuVEQ',
    'naueaqs33TGWSnIib0NsyRt5YZjljoFYkdkvdzLsHw0',
    'qc8j_PY8BcNfCHdhSDlziWhZy9MSqsUeW27rNqNF0w4',
  ],
  'RFC 9246': ['P5UpOv0eMq1wcxLf7WxIg09JdSYGYFDOWkldueaImf0'],
  'RFC 9421': [
    'BHj8s0GPnMEQtkaULIM-PLgEhLBbuGUQ1vMxmBWZzEo',
    'oD0HwocPBSfpNy5W3bpJeyFGY_IQ_YpqxSjQ3Yd-CLA',
    'poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U',
    'ydQXMtvbsOsZyFir-Y7A8t7fKEM1gbKPvyFkdpu4fvI',
  ],
  'RFC 9449': ['0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I'],
  'RFC 9500': [
    'Fa5JHFzFB8yHv0Dk3rGTgtCQPXPr3q8midyfylf8CUU',
    'LIstkoCvByn4jk8oZPvigQkzTzO9UwnGnE-VMlkZvYQ',
    'u88se-xodYvJqpVtfxKIhE6bv2S6Z9hy1ikqIcPciAE',
  ],
} as const satisfies Readonly<Record<string, readonly string[]>>

const standardsByThumbprint: ReadonlyMap<string, string> = new Map(
  Object.entries(thumbprintsByStandard).flatMap(([standard, thumbprints]) =>
    thumbprints.map((thumbprint): [string, string] => [thumbprint, standard]),
  ),
)

/** Why a key may not be used, where a standard prints it: everybody can sign with it. To go after what the key is. */
export function publishedKeyProblem(thumbprint: string): string | undefined {
  const standard = standardsByThumbprint.get(thumbprint)
  return standard && `is an example in ${standard}, and everybody can sign with it: make one of your own`
}

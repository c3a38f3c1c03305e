{{/* What every object of a release is called. */}}
{{- define "llama-mapper.fullname" -}}
{{- $name := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) -}}
{{- $name | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{/* By what a component's pods are selected. (dict "root" $ "component" "facade") */}}
{{- define "llama-mapper.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "llama-mapper.labels" -}}
{{ include "llama-mapper.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{/* metadata of an object: name, namespace, labels. (dict "root" $ "component" "facade" "suffix" "-facade") */}}
{{- define "llama-mapper.metadata" -}}
name: {{ include "llama-mapper.fullname" .root }}{{ .suffix }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "llama-mapper.labels" . | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* (dict "root" $ "image" .Values.images.facade) */}}
{{- define "llama-mapper.image" -}}
{{- if .image.digest -}}
image: {{ printf "%s@%s" .image.repository .image.digest | quote }}
{{- else -}}
image: {{ printf "%s:%s" .image.repository (.image.tag | default .root.Chart.AppVersion) | quote }}
{{- end }}
imagePullPolicy: {{ .image.pullPolicy }}
{{- end }}

{{/* What all pods have: no privileges, no token, no service links. Takes the user id. */}}
{{- define "llama-mapper.pod" -}}
serviceAccountName: {{ include "llama-mapper.fullname" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .user }}
  runAsGroup: {{ .user }}
  fsGroup: {{ .user }}
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "llama-mapper.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "llama-mapper.spread" -}}
topologySpreadConstraints:
  {{- range $key, $when := dict "topology.kubernetes.io/zone" .root.Values.topologySpread.zone "kubernetes.io/hostname" .root.Values.topologySpread.node }}
  - topologyKey: {{ $key }}
    maxSkew: 1
    whenUnsatisfiable: {{ $when }}
    labelSelector:
      matchLabels:
        {{- include "llama-mapper.selector" $ | nindent 8 }}
    # Pods of the revision that is being replaced do not count.
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}

{{/* Curated data: a taxonomy where both images have the package, detectors and views as folders. */}}
{{- define "llama-mapper.dataMounts" -}}
- {name: detectors, mountPath: /etc/mapper/detectors, readOnly: true}
- {name: views, mountPath: /etc/mapper/views, readOnly: true}
{{- if .Values.data.taxonomy }}
- {name: data, mountPath: /opt/mapper/schemas/taxonomy.yaml, subPath: taxonomy.yaml, readOnly: true}
{{- end }}
{{- end }}

{{/* The decisions of the review queue, written in this pod. */}}
{{- define "llama-mapper.reviewEnv" -}}
- {name: MAPPER_REVIEW_DIR, value: /var/lib/review}
- name: MAPPER_REVIEW_URL
  valueFrom:
    secretKeyRef: {name: {{ .Values.review.urlSecret }}, key: {{ .Values.review.urlSecretKey }}}
{{- end }}

{{- define "llama-mapper.dataVolume" -}}
{{- if .Values.review.enabled }}
- name: review
  emptyDir: {sizeLimit: 64Mi}
{{- end }}
- name: detectors
  configMap: {name: {{ include "llama-mapper.fullname" . }}-detectors}
- name: views
  configMap: {name: {{ include "llama-mapper.fullname" . }}-views}
{{- if .Values.data.taxonomy }}
- name: data
  configMap: {name: {{ include "llama-mapper.fullname" . }}-data}
{{- end }}
{{- end }}

{{/* Policies are mounted as a folder: a file mounted alone would never be refreshed. */}}
{{- define "llama-mapper.policiesVolume" -}}
- name: policies
  configMap: {name: {{ include "llama-mapper.fullname" . }}-policies}
{{- end }}

{{/* Fast up, slow down, for both kinds of autoscaler. */}}
{{- define "llama-mapper.behavior" -}}
behavior:
  scaleUp:
    stabilizationWindowSeconds: 0
    selectPolicy: Max
    policies:
      - {type: Percent, value: 100, periodSeconds: 15}
      - {type: Pods, value: 2, periodSeconds: 15}
  scaleDown:
    stabilizationWindowSeconds: 300
    policies:
      - {type: Pods, value: 1, periodSeconds: 60}
{{- end }}

{{/* The canary inside Triton's container. Takes what must have answered: model or any. */}}
{{- define "llama-mapper.canary" -}}
exec:
  command: [python3, -I, -S, /opt/mapper/client_api/upstream/probe.py, --url, "http://127.0.0.1:8000", --answer, {{ .answer }}, --timeout, {{ .timeout | quote }}]
{{- end }}

{{- define "natrix.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "natrix.operator" -}}
{{- printf "%s-operator" (.Release.Name | trunc 50 | trimSuffix "-") }}
{{- end }}

{{- define "natrix.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace }}
{{- end }}

{{- define "natrix.labels" -}}
app.kubernetes.io/part-of: natrix
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- with .Values.global.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "natrix.operatorSelector" -}}
app.kubernetes.io/name: natrix-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "natrix.operatorImage" -}}
{{- $image := .Values.operator.image }}
{{- $registry := $image.registry | default .Values.global.image.registry }}
{{- with $registry }}{{ . }}/{{ end }}{{ $image.repository }}:{{ $image.tag | default .Chart.AppVersion }}
{{- end }}

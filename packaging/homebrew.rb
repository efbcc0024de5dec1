# Formula for a Homebrew tap. packaging/manifests fills in the checksums of a release.
class ArgoAssistant < Formula
  desc "Watch an Argo CD rollout and say why it fails"
  homepage "https://github.com/argo-assistant/argo-assistant"
  version "0.1.0"
  license any_of: ["MIT", "Apache-2.0"]

  releases = "https://github.com/argo-assistant/argo-assistant/releases/download/v#{version}"

  on_macos do
    on_arm do
      url "#{releases}/argo-assistant-#{version}-aarch64-apple-darwin.tar.gz"
      sha256 "0000000000000000000000000000000000000000000000000000000000000000" # aarch64-apple-darwin
    end
    on_intel do
      url "#{releases}/argo-assistant-#{version}-x86_64-apple-darwin.tar.gz"
      sha256 "0000000000000000000000000000000000000000000000000000000000000000" # x86_64-apple-darwin
    end
  end

  on_linux do
    on_arm do
      url "#{releases}/argo-assistant-#{version}-aarch64-unknown-linux-gnu.tar.gz"
      sha256 "0000000000000000000000000000000000000000000000000000000000000000" # aarch64-unknown-linux-gnu
    end
    on_intel do
      url "#{releases}/argo-assistant-#{version}-x86_64-unknown-linux-gnu.tar.gz"
      sha256 "0000000000000000000000000000000000000000000000000000000000000000" # x86_64-unknown-linux-gnu
    end
  end

  def install
    bin.install "argo-assistant"
    # argocd and kubectl find their plugins by these names.
    bin.install_symlink "argo-assistant" => "argocd-assistant"
    bin.install_symlink "argo-assistant" => "kubectl-argo_assistant"
    man1.install "man/argo-assistant.1"
    bash_completion.install "completions/argo-assistant.bash" => "argo-assistant"
    zsh_completion.install "completions/argo-assistant.zsh" => "_argo-assistant"
    fish_completion.install "completions/argo-assistant.fish"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/argo-assistant version")
    assert_match "Usage: argocd assistant", shell_output("#{bin}/argocd-assistant --help")
  end
end
